"""zeroshot report: a page of what was found, that needs nothing beside it."""

import json
from html.parser import HTMLParser

from harness import ProgramTest, run, write_png

VOID = {"meta", "link", "img", "br", "line", "rect", "polyline"}


class Page(HTMLParser):
    """What stands in a page: its tags, whether they are closed, addresses, headings, and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.addresses, self.text, self.pictures = [], [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        attributes = dict(attributes)
        self.addresses += [value for key, value in attributes.items() if key in ("src", "href")]
        if tag == "svg":
            assert attributes["role"] == "img" and attributes["aria-label"]
        if tag == "img":
            self.pictures.append((attributes["alt"], attributes["src"]))
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
        cls.probe = {"top1": 0.75, "few_shot": [{"shots": 1, "top1": [0.4, 0.6]}, {"shots": 4, "top1": [0.7]}],
                     "mixtures": [{"share": 0, "top1": 0.5}, {"share": 1, "top1": 0.75}]}

    def page_of(self, **more):
        done = self.with_model("evaluate", "--data", "data", "--template", "{}", "--template", "the {}", "--compare-templates", "--json", "--per-picture", "lines.jsonl")
        (self.folder / "evaluation.json").write_bytes("\n".join(self.answer(done)).encode())
        (self.folder / "probe.json").write_text(json.dumps(self.probe))
        result = {"name": "tiny & small", "evaluation": "evaluation.json", **more}
        (self.folder / "suite.json").write_text(json.dumps({"title": "What was <found>", "results": [result]}))
        self.answer(self.call("report", "suite.json", "--output", "page.html"))
        text = (self.folder / "page.html").read_text()
        page = Page(text)
        self.assertEqual(page.open, [])
        self.assertTrue(all(address.startswith("data:") for address in page.addresses))
        self.assertNotIn("script", page.tags)
        return page

    def test_a_page_has_every_part_and_nothing_from_elsewhere(self):
        page = self.page_of(probe="probe.json", per_picture="lines.jsonl", folder="data")
        for part in ("What was <found>", "tiny & small", "Summary", "Zero-shot against the linear probe", "labelled pictures of each class",
                     "Classes", "Confusion", "Prompts", "the closest calls", "cat <1>"):
            self.assertIn(part, page.text)
        self.assertEqual(len([alt for alt, address in page.pictures if address.startswith("data:image/jpeg;base64,/9j/")]), len(page.pictures))
        self.assertGreaterEqual(len(page.pictures), 6)

    def test_several_probes_are_curves_of_one_chart(self):
        first = self.probe | {"features": "embedding", "cache": [{"shots": 1, "top1": [0.5]}, {"shots": 4, "top1": [0.6]}]}
        second = {"features": "penultimate", "top1": 0.8, "few_shot": self.probe["few_shot"], "mixtures": []}
        (self.folder / "first.json").write_text(json.dumps(first))
        (self.folder / "second.json").write_text(json.dumps(second))
        page = self.page_of(probe=["first.json", "second.json"], about="cats & dogs", credit="drawn by <nobody>", per_picture="lines.jsonl", folder="data")
        for part in ("features before the projection", "zero-shot with a cache of them", "cats & dogs", "drawn by <nobody>", "80.0 %"):
            self.assertIn(part, page.text)

    def test_what_is_not_there_is_left_out(self):
        page = self.page_of()
        self.assertNotIn("linear probe,", page.text)
        self.assertEqual(page.pictures, [])

    def test_a_suite_that_does_not_hold_together_is_told(self):
        for name, text, sentence in (("none.json", '{"results": []}', "no results in it"), ("gone.json", '{"results": [{"name": "x", "evaluation": "gone-too.json"}]}', "gone-too.json"),
                                     ("other.json", "[]", "other.json"), ("keys.json", '{"results": [{"name": "x"}]}', "evaluation")):
            (self.folder / name).write_text(text)
            self.refused(self.call("report", name, "--output", "never.html"), 1, sentence)
        self.refused(self.call("report", "none.json", "--output", "none.json"), 2, "one of the inputs")
        self.nothing_left("never.html")


if __name__ == "__main__":
    run()
