"""zeroshot report: a self-contained HTML page of evaluations and probes."""

import json
from html.parser import HTMLParser

from harness import ProgramTest, run, write_png

VOID = {"meta", "link", "img", "br", "line", "rect", "polyline"}


class Page(HTMLParser):
    """The tags, unclosed tags, addresses, images and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.addresses, self.text, self.images = [], [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        attributes = dict(attributes)
        self.addresses += [value for key, value in attributes.items() if key in ("src", "href")]
        if tag == "svg":
            assert attributes["role"] == "img" and attributes["aria-label"]
        if tag == "img":
            self.images.append((attributes["alt"], attributes["src"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.text += data


class Report(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("cat <1>", "dog"):
            (cls.folder / "data" / name).mkdir(parents=True)
            for i in range(3):
                write_png(cls.folder / "data" / name / f"{i}.png", 40, 30, seed=i)
        cls.probe = {
            "top1": 0.75,
            "few_shot": [{"shots": 1, "top1": [0.4, 0.6]}, {"shots": 4, "top1": [0.7]}],
            "mixtures": [{"share": 0, "top1": 0.5}, {"share": 1, "top1": 0.75}],
        }

    def page_of(self, **more):
        done = self.with_model(
            "evaluate",
            "--data",
            "data",
            "--template",
            "{}",
            "--template",
            "the {}",
            "--compare-templates",
            "--json",
            "--per-picture",
            "lines.jsonl",
        )
        (self.folder / "evaluation.json").write_bytes("\n".join(self.output_lines(done)).encode())
        (self.folder / "probe.json").write_text(json.dumps(self.probe))
        result = {"name": "tiny & small", "evaluation": "evaluation.json", **more}
        (self.folder / "suite.json").write_text(json.dumps({"title": "Results of <models>", "results": [result]}))
        self.output_lines(self.call("report", "suite.json", "--output", "page.html"))
        text = (self.folder / "page.html").read_text()
        page = Page(text)
        self.assertEqual(page.open, [])
        self.assertTrue(all(address.startswith("data:") for address in page.addresses))
        self.assertNotIn("script", page.tags)
        return page

    def test_the_page_has_every_section_and_loads_nothing(self):
        page = self.page_of(probe="probe.json", per_picture="lines.jsonl", folder="data")
        for part in (
            "Results of <models>",
            "tiny & small",
            "Summary",
            "Zero-shot against the linear probe",
            "images per class",
            "Classes",
            "Confusion",
            "Prompts",
            "smallest margins",
            "cat <1>",
        ):
            self.assertIn(part, page.text)
        self.assertEqual(
            len([alt for alt, address in page.images if address.startswith("data:image/jpeg;base64,/9j/")]),
            len(page.images),
        )
        self.assertGreaterEqual(len(page.images), 6)

    def test_several_probes_are_curves_of_one_chart(self):
        first = self.probe | {
            "features": "embedding",
            "cache": [{"shots": 1, "top1": [0.5]}, {"shots": 4, "top1": [0.6]}],
        }
        second = {"features": "penultimate", "top1": 0.8, "few_shot": self.probe["few_shot"], "mixtures": []}
        (self.folder / "first.json").write_text(json.dumps(first))
        (self.folder / "second.json").write_text(json.dumps(second))
        page = self.page_of(
            probe=["first.json", "second.json"],
            about="cats & dogs",
            credit="drawn by <nobody>",
            per_picture="lines.jsonl",
            folder="data",
        )
        for part in ("penultimate features", "Tip-Adapter", "cats & dogs", "drawn by <nobody>", "80.0 %"):
            self.assertIn(part, page.text)

    def test_sections_without_data_are_left_out(self):
        page = self.page_of()
        self.assertNotIn("linear probe,", page.text)
        self.assertEqual(page.images, [])

    def test_an_inconsistent_suite_is_an_error(self):
        for name, text, sentence in (
            ("none.json", '{"results": []}', "none.json"),
            ("gone.json", '{"results": [{"name": "x", "evaluation": "gone-too.json"}]}', "gone-too.json"),
            ("other.json", "[]", "other.json"),
            ("keys.json", '{"results": [{"name": "x"}]}', "evaluation"),
        ):
            (self.folder / name).write_text(text)
            self.assert_message(self.call("report", name, "--output", "never.html"), 1, sentence)
        self.assert_message(self.call("report", "none.json", "--output", "none.json"), 2, "none.json")
        self.assert_not_written("never.html")


if __name__ == "__main__":
    run()
