#!/usr/bin/env python3
"""Opens a report in headless Chromium and fails on what a reader must not meet.

    scripts/check_report.py results/report.html [--out FOLDER]

Checked: no message on the console, no request but for the file itself, no script, no part missing, no id twice, every
link within the page leads somewhere, nothing is wider than the window, folded parts are printed. Written to FOLDER, to
be looked at: light.png, dark.png, narrow.png (400 px), narrow-dark.png, print.pdf.

Needs: pip install selenium; apt-get install chromium chromium-driver poppler-utils
"""

import argparse
import base64
import json
import pathlib
import subprocess
import sys
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

SECTIONS = ["leaderboards", "method", "origin"]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
]


def browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def resize(driver, width):
    """A window of the given width, as high as the page."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def screenshot(driver, path, width, scheme):
    resize(driver, width)
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
    path.write_bytes(base64.b64decode(picture["data"]))


def print_pdf(driver, path):
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    pdf = driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "paperWidth": 8.27, "paperHeight": 11.69})
    path.write_bytes(base64.b64decode(pdf["data"]))
    return subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True).stdout


def faults(driver, url):
    """What is wrong with the page that is open."""
    for entry in driver.get_log("browser"):
        yield f"console: {entry['message']}"
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked, by = message["params"]["request"]["url"], message["params"]["documentURL"]
            # the browser's own start page asks for much
            if by == url and asked != url and not asked.startswith("data:"):
                yield f"request: {asked}"
    run = driver.execute_script
    if run("return document.scripts.length"):
        yield "there is a script"
    groups = run("return [...document.querySelectorAll('section.group')].map(s => s.id)")
    if not groups:
        yield "there is no group of runs"
    for section in [*SECTIONS, *groups]:
        if not run("return document.getElementById(arguments[0])?.textContent.length > 80", section):
            yield f"section #{section} is missing or empty"
    for group in groups:
        if not run("return document.getElementById(arguments[0]).querySelectorAll('figure svg, .runs tbody tr').length", group):
            yield f"#{group} has neither figures nor runs"
    twice = run("const ids = [...document.querySelectorAll('[id]')].map(e => e.id);"
                "return ids.filter((id, i) => ids.indexOf(id) !== i)")
    yield from (f"id {name} is there twice" for name in twice)
    dead = run("return [...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href'))"
               ".filter(href => !document.getElementById(href.slice(1)))")
    yield from (f"link to {href} leads nowhere" for href in dead)
    for width in [1280, 768, 400]:
        resize(driver, width)
        page = run("return document.documentElement.scrollWidth")
        if page > width:
            yield f"the page is {page} px wide in a window of {width} px"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=None, help="folder for the pictures")
    args = parser.parse_args()
    out = args.out or pathlib.Path(tempfile.mkdtemp(prefix="report-"))
    out.mkdir(parents=True, exist_ok=True)
    url = args.file.resolve().as_uri()
    with tempfile.TemporaryDirectory() as profile:
        driver = browser(profile)
        try:
            driver.get(url)
            found = list(faults(driver, url))
            screenshot(driver, out / "light.png", 1100, "light")
            screenshot(driver, out / "dark.png", 1100, "dark")
            screenshot(driver, out / "narrow.png", 400, "light")
            screenshot(driver, out / "narrow-dark.png", 400, "dark")
            printed = print_pdf(driver, out / "print.pdf")
            runs = driver.execute_script("return document.querySelectorAll('.runs tbody tr').length")
        finally:
            driver.quit()
    settings = printed.count("Shared by all")
    if printed.count("Directories are relative") != settings or not runs:
        found.append("the tables of runs are not printed")
    if settings == 0:
        found.append("folded parts are not printed")
    for fault in found:
        print(fault, file=sys.stderr)
    print(f"{args.file}: {len(found)} faults; {runs} runs; pictures in {out}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
