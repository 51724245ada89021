"""The report in headless Chromium: loading time, behaviour and screenshots.

    python -m tests.benchmarks.report_in_browser report.html pictures/

Needs selenium, chromium and chromedriver, which no test does. Prints what was measured; leaves
screenshots, for somebody to look at, in the folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

PHONE, DESKTOP = (390, 844), (1280, 900)

# Of the page's first paint and of its load, in milliseconds since the visit began.
TIMES = """
const [visit] = performance.getEntriesByType("navigation");
const paint = performance.getEntriesByName("first-contentful-paint")[0];
return [paint ? paint.startTime : null, visit.loadEventEnd];
"""
WIDER = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
WITHOUT_NAME = """
return [...document.querySelectorAll("input, select, button, a, img")].filter(e =>
  !(e.labels?.length || e.textContent.trim() || e.getAttribute("alt"))).length
"""


def open_browser() -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    for switch in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options)


def dress(browser: webdriver.Chrome, size: tuple[int, int], scheme: str) -> None:
    """A browser window of a size, with a light or dark colour scheme."""
    screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def shown(browser: webdriver.Chrome) -> int:
    cards = browser.find_elements(By.CSS_SELECTOR, "#cards > li:not([hidden])")
    return len(cards)


def check(browser: webdriver.Chrome) -> dict[str, object]:
    """Tests the behaviour of the page: name -> result."""
    found: dict[str, object] = {"files": shown(browser)}
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    found["first tab stop"] = browser.switch_to.active_element.text
    search = browser.find_element(By.ID, "search")
    search.send_keys("onerror")
    found["found by 'onerror'"] = shown(browser)
    found["told"] = browser.find_element(By.ID, "shown").text
    search.send_keys(Keys.CONTROL, "a")
    search.send_keys(Keys.DELETE)
    Select(browser.find_element(By.ID, "state")).select_by_visible_text("failed")
    found["failed"] = shown(browser)
    browser.find_element(By.CSS_SELECTOR, "button[type=reset]").click()
    time.sleep(0.5)
    found["after reset"] = shown(browser)
    for words in ("least sure first", "surest first"):
        Select(browser.find_element(By.ID, "order")).select_by_visible_text(words)
        first = browser.find_element(By.CSS_SELECTOR, "#cards > li")
        found[words] = first.get_attribute("data-score")
    found["without a name"] = browser.execute_script(WITHOUT_NAME)
    found["title"] = browser.title
    return found


def play(browser: webdriver.Chrome) -> dict[str, object]:
    """Tests a click on an event of a time-line, and Enter on the next one."""
    events = browser.find_elements(By.CSS_SELECTOR, ".lane button")
    found: dict[str, object] = {"events": len(events)}
    for name, act in (("click", "click"), ("Enter", "send_keys")):
        if events:
            event = events[-1 if act == "click" else 0]
            getattr(event, act)(*[Keys.ENTER] * (act != "click"))
            time.sleep(1.5)
            player = "arguments[0].closest('.card').querySelector('.player')"
            state = f"const p = {player}; return [p.currentTime, p.paused, p.error?.message]"
            start = event.get_attribute("data-start")
            found[f"{name} at {start} s: seconds, paused, error"] = browser.execute_script(
                state, event
            )
    return found


def main(page: str, folder: str) -> None:
    pictures = Path(folder)
    pictures.mkdir(parents=True, exist_ok=True)
    address = Path(page).resolve().as_uri()
    browser = open_browser()
    try:
        for _ in range(3):
            started = time.perf_counter()
            browser.get(address)
            taken = time.perf_counter() - started
            paint, load = browser.execute_script(TIMES)
            print(f"opened in {taken:.2f} s; first paint {paint} ms, load {load:.0f} ms")
        for name, size in (("phone", PHONE), ("desktop", DESKTOP)):
            for scheme in ("light", "dark"):
                dress(browser, size, scheme)
                browser.get(address)
                browser.save_screenshot(pictures / f"{name}-{scheme}.png")
                browser.find_element(By.ID, "items").location_once_scrolled_into_view  # noqa: B018
                browser.execute_script("document.getElementById('items').scrollIntoView()")
                time.sleep(0.5)
                browser.save_screenshot(pictures / f"{name}-{scheme}-files.png")
            print(f"{name}: {browser.execute_script(WIDER)} pixels wider than the screen")
        for name, value in (play(browser) | check(browser)).items():
            print(f"{name}: {value}")
        asked = [line for line in browser.get_log("performance") if '"http' in line["message"]]
        print(f"requests over the network: {len(asked)}")
        for line in browser.get_log("browser"):
            print(f"console: {line['message']}")
    finally:
        browser.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
