"""Take the README's two pictures of the running stack: `make demo`, then `make screenshots`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

STACK = Path(os.environ.get("VIRAL_DATA_DIR", ".viral")) / "stack.json"
IMAGES = Path(__file__).parent / "images"
TWEET = "Our new release is out: twice as fast, half the memory. What should we build next? #opensource"
MOST_BYTES = 150_000


def main() -> None:
    """Open both pages in a headless Chromium and keep what is seen first of each."""
    if not STACK.exists():
        sys.exit("error: nothing is running: run `make demo` first")
    address = json.loads(STACK.read_text(encoding="utf-8"))["gateway_url"]
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 960, "height": 900})
        page.goto(address)
        page.get_by_label("Your tweet").fill(TWEET)
        page.get_by_label("Followers").fill("1200")
        page.get_by_role("button", name="Predict").click()
        page.locator(".weighed").wait_for()
        page.screenshot(path=IMAGES / "form.png")
        page.goto(f"{address}/pipeline")
        page.screenshot(path=IMAGES / "pipeline.png")
        chromium.close()
    for picture in IMAGES.glob("*.png"):
        if picture.stat().st_size > MOST_BYTES:
            sys.exit(f"error: {picture} takes {picture.stat().st_size:,} bytes, more than {MOST_BYTES:,}")


if __name__ == "__main__":
    main()
