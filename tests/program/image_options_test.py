"""How the program reads images: damage, limits, orientation, formats."""

import struct
import zlib

from harness import ProgramTest, read_npy, run, write_png


class ImageOptions(ProgramTest):
    def preprocess(self, *words, **more):
        return self.with_model("preprocess", *words, **more)

    def write_turned(self, name):
        """A PNG of 64 x 32 pixels with a note to turn it by a quarter."""
        path = self.folder / name
        write_png(path, 64, 32)
        data = path.read_bytes()
        exif = b"eXIf" + b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
        chunk = struct.pack(">I", len(exif) - 4) + exif + struct.pack(">I", zlib.crc32(exif))
        path.write_bytes(data[:33] + chunk + data[33:])

    def test_a_damaged_image_is_read_with_one_warning_that_names_it(self):
        write_png(self.folder / "sound.png", 40, 30)
        (self.folder / "open.png").write_bytes((self.folder / "sound.png").read_bytes()[:-12])
        self.output_lines(self.preprocess("sound.png", "--output", "sound.npy"))
        done = self.preprocess("open.png", "sound.png", "--output", "both.npy")
        self.assertEqual(done.returncode, 0)
        warnings = [line for line in done.stderr.decode().splitlines() if "warning" in line]
        self.assertEqual(len(warnings), 1)
        self.assertIn("warning: open.png: the PNG is damaged: its end (IEND)", warnings[0])
        self.assertEqual(read_npy(self.folder / "both.npy")[1], read_npy(self.folder / "sound.npy")[1] * 2)
        quiet = self.preprocess("open.png", "--output", "quiet.npy", "--quiet")
        self.assertEqual(quiet.stderr, b"")

    def test_warnings_keep_the_order_of_the_images(self):
        write_png(self.folder / "sound.png", 40, 30)
        names = [f"open{index:02}.png" for index in range(30)]
        for name in names:
            (self.folder / name).write_bytes((self.folder / "sound.png").read_bytes()[:-12])
        done = self.preprocess(*names, "--output", "all.npy", "--threads", 3)
        named = [line.split("warning: ")[1].split(":")[0] for line in done.stderr.decode().splitlines() if "warning" in line]
        self.assertEqual(named, names)

    def test_an_image_beyond_the_limit_is_refused_with_the_option_that_raises_it(self):
        write_png(self.folder / "large.png", 1100, 1000)
        self.assert_message(
            self.preprocess("large.png", "--output", "x.npy", "--max-megapixels", 1),
            1, "large.png", "1100 x 1000 pixels", "--max-megapixels reads larger ones",
        )
        self.output_lines(self.preprocess("large.png", "--output", "x.npy", "--max-megapixels", 2))
        self.assert_message(self.preprocess("a.png", "--output", "x.npy", "--max-megapixels", 0), 2, "--max-megapixels")

    def test_upright_turns_as_exif_says_in_every_command(self):
        self.write_turned("turned.png")
        self.output_lines(self.preprocess("turned.png", "--output", "lying.npy"))
        self.output_lines(self.preprocess("turned.png", "--output", "upright.npy", "--upright"))
        lying, upright = read_npy(self.folder / "lying.npy")[1], read_npy(self.folder / "upright.npy")[1]
        self.assertNotEqual(lying, upright)
        for options in ([], ["--upright"]):
            embedded = self.with_model("embed", "turned.png", "--output", "direct.npy", *options)
            self.output_lines(embedded)
            pixels = "upright.npy" if options else "lying.npy"
            self.output_lines(self.with_model("embed", "--pixels", pixels, "--output", "pixels.npy"))
            self.assertEqual(read_npy(self.folder / "direct.npy")[1], read_npy(self.folder / "pixels.npy")[1])

    def test_the_cache_of_embeddings_tells_upright_from_lying(self):
        for label in ("one", "two"):
            (self.folder / "data" / label).mkdir(parents=True)
            self.write_turned(f"data/{label}/turned.png")

        def embeddings(*options):
            self.output_lines(
                self.with_model("evaluate", "--data", "data", "--resume", "cache", "--embeddings", "e.npy", *options)
            )
            return read_npy(self.folder / "e.npy")[1]

        lying = embeddings()
        upright = embeddings("--upright")
        self.assertNotEqual(lying, upright)
        self.assertEqual(embeddings(), lying)
        self.assertEqual(embeddings("--upright"), upright)

    def test_the_version_names_the_formats(self):
        lines = self.output_lines(self.call("--version"))
        self.assertTrue(any(line.startswith("images: JPEG, PNG, BMP") for line in lines), lines)


if __name__ == "__main__":
    run()
