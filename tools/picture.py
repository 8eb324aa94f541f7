"""Take the README's picture: the chart of a report that `paretoserve plan` wrote, as Chromium shows it.

Usage: python tools/picture.py plan/report.html docs/front.png
"""

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main() -> int:
    """Write the picture; needs Chromium on the path."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1200)
    parser.add_argument("--height", type=int, default=900)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium was found\nhint: install it, for example with apt-get install chromium", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport={"width": options.width, "height": options.height})
        page.goto(options.report.resolve().as_uri())
        page.wait_for_selector(".plotly .main-svg")
        page.screenshot(path=options.picture)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
