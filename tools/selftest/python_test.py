# SPDX-License-Identifier: Apache-2.0
"""Whether Python tests run on Debian's interpreter, with the packages the report needs, from the workspace's root."""

import os
import sys
import tempfile
import unittest

import jinja2
import matplotlib
import numpy
import scipy.stats

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402  (the back end comes first)

from tools.debian import fetch  # An import relative to the workspace's root.


class PythonTest(unittest.TestCase):

    def test_interpreter_is_debians(self):
        self.assertEqual(os.path.realpath(sys.executable), os.path.realpath("/usr/bin/python3"))
        self.assertGreaterEqual(sys.version_info[:2], (3, 11))

    def test_packages_are_debians(self):
        for module in (jinja2, matplotlib, numpy, scipy):
            self.assertTrue(module.__file__.startswith("/usr/lib/python3/"), module.__file__)

    def test_imports_from_the_workspace_root(self):
        self.assertTrue(issubclass(fetch.FetchError, Exception))

    def test_scipy_agrees_with_numpy(self):
        sample = numpy.array([1.0, 2.0, 3.0, 4.0, 10.0])
        self.assertAlmostEqual(scipy.stats.trim_mean(sample, 0.2), numpy.mean(sample[1:-1]))

    def test_undefined_template_names_are_errors(self):
        template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string("{{ absent }}")
        with self.assertRaises(jinja2.UndefinedError):
            template.render()

    def test_figures_are_byte_stable(self):
        def draw(folder, name):
            matplotlib.rcParams.update({"svg.hashsalt": "selftest", "svg.fonttype": "none"})
            figure, axes = pyplot.subplots()
            axes.plot([1, 2, 3], [1, 4, 9])
            path = os.path.join(folder, name)
            figure.savefig(path, metadata={"Date": None})
            pyplot.close(figure)
            with open(path, "rb") as svg:
                return svg.read()

        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(draw(folder, "a.svg"), draw(folder, "b.svg"))


if __name__ == "__main__":
    unittest.main()
