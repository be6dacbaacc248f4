"""The page as people use it: they follow a push, see why a bad one went back, hold a service and let it go on.

One story after the other, of one service: each begins where the one before it ended."""

import re

import pytest
from playwright.sync_api import expect

from conftest import enter

HELLO = """\
cluster: { clusterName: web }
images: { web: { repository: hello, tag: 'semver:^1' } }
taskDefinition: { family: hello, containerDefinitions: [{ name: web, memory: 64 }] }
service:
  serviceName: hello
  desiredCount: 2
  deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: true } }
verify: { bake: 1s }
"""

RUNS = ("sleep", "1000")


def row(page):
    return page.locator("tr", has=page.get_by_role("link", name="web/hello"))


def release(page, number):
    """Its row in the history."""
    return page.locator(".history tbody tr", has=page.get_by_role("link", name=str(number), exact=True))


def see(page, is_seen):
    """Brings the page to the front, or another one before it."""
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        not is_seen,
    )


def test_a_push_is_followed_to_its_verdict(page, landfall):
    expect(page).to_have_url(re.compile(r"/$"))
    expect(page.get_by_text("No service is described yet")).to_be_visible()
    landfall.put_file("hello.yaml", HELLO)
    expect(row(page)).to_contain_text("waits for the first push of hello:semver:^1")
    landfall.push("hello:1.0.0", *RUNS)
    expect(row(page)).to_contain_text("succeeded")
    expect(row(page)).to_contain_text("1.0.0")

    page.get_by_role("link", name="web/hello").click()
    expect(page.get_by_role("status")).to_have_text("live")
    expect(release(page, 1)).to_contain_text("succeeded")
    landfall.push("hello:1.1.0", "sleep", "1001")
    expect(page.get_by_role("heading", name="Release 2 on its way")).to_be_visible()
    stages = page.get_by_role("list", name="Stages")
    expect(stages.locator(".now")).to_be_visible()
    expect(stages.locator(".done").first).to_contain_text("takes its turn")
    expect(stages.locator(".ahead").last).to_contain_text("is concluded")
    expect(release(page, 2)).to_contain_text("succeeded")
    expect(release(page, 2)).to_contain_text(re.compile(r"hello:1\.0\.0 \w{12} → hello:1\.1\.0 \w{12}"))
    expect(stages).to_have_count(0)
    expect(page.locator("#live")).to_contain_text("2 of 2 run")


def test_a_bad_push_goes_back_and_says_why_and_is_tried_again(page, landfall):
    page.goto(page.url + "services/web/hello")
    landfall.push("hello:1.2.0", "false")
    expect(release(page, 3)).to_contain_text("rolled back")
    expect(page.get_by_text("hello:1.2.0 is left out since release 3")).to_be_visible()
    expect(page.get_by_role("heading", name="Runs 1.1.0")).to_be_visible()

    release(page, 3).get_by_role("link", name="3").click()
    expect(page.get_by_role("heading", name="Evidence speaks against the release")).to_be_visible()
    expect(page.locator(".evidence").first).to_contain_text("web exited with 1")
    expect(page.get_by_role("list", name="Stages").locator(".failed")).to_contain_text("rolls out")
    # Its times beside those of the last good release, which never went back.
    times = page.locator("table.numbers")
    expect(times.locator("thead")).to_contain_text("release 3release 2")
    expect(times.get_by_role("row", name="rolls out")).to_contain_text(re.compile(r"(\d+(\.\d)? m?s){2}"))
    expect(times.get_by_role("row", name="goes back")).to_contain_text(re.compile(r"goes back\d"))
    page.get_by_role("link", name="web/hello").click()

    page.get_by_role("link", name="Retry …").click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("hello:1.2.0 is no longer left out (container web).")
    asked.get_by_role("button", name="Retry").click()
    expect(release(page, 4)).to_contain_text("rolled back")
    expect(release(page, 4)).to_contain_text("it was tried again")

    page.get_by_role("link", name="Services").first.click()
    expect(row(page)).to_contain_text("rolled back")
    page.get_by_label("only what needs me").check()
    expect(page.locator("#found")).to_have_text("1 of 1")
    expect(page).to_have_url(re.compile(r"\?needs=1$"))


def test_a_hold_is_set_and_ended_with_its_reasons(page, landfall):
    page.goto(page.url + "services/web/hello")
    page.get_by_role("link", name="Hold …").click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("stays as it is, whatever is pushed or uploaded")
    why = asked.get_by_label("Why")
    expect(why).to_be_focused()
    asked.get_by_role("button", name="Hold").click()
    assert why.evaluate("field => field.validity.valueMissing"), "it is not sent without a reason"
    why.fill("<b>a sale</b>")
    page.keyboard.press("Enter")
    expect(page.get_by_text("on hold: <b>a sale</b>")).to_be_visible()

    # While nobody sees the page it asks for nothing, and then it catches up.
    see(page, False)
    expect(page.locator("#connection")).to_have_text("not followed")
    landfall.push("hello:1.3.0", *RUNS)
    page.wait_for_timeout(2_000)
    waits = page.get_by_role("heading", name="Release 5 waits")
    expect(waits).to_have_count(0)
    see(page, True)
    expect(waits).to_be_visible()
    page.get_by_role("link", name="Resume …").click()
    expect(asked).to_contain_text("release 5 is rolled out (hello:1.3.0 was pushed)")
    page.keyboard.press("Escape")
    expect(asked).to_be_hidden()
    page.get_by_role("link", name="Resume …").click()
    asked.get_by_label("Why").fill("it is over")
    asked.get_by_role("button", name="Resume").click()
    expect(release(page, 5)).to_contain_text("succeeded")
    expect(page.get_by_role("link", name="Resume …")).to_have_count(0)
    release(page, 5).get_by_role("link", name="5").click()
    expect(page.get_by_text("resumed by arn:aws:iam::000000000000:root: it is over")).to_be_visible()


def test_a_service_is_rolled_back_and_stays_until_it_is_resumed(page, landfall):
    page.goto(page.url + "services/web/hello")
    page.get_by_role("link", name="Roll back …").click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("the newest release before 5 ran that succeeded with something else")
    asked.get_by_label("Why").fill("prices are wrong")
    asked.get_by_role("button", name="Roll back").click()
    expect(release(page, 6)).to_contain_text("succeeded")
    expect(release(page, 6)).to_contain_text("an operator went back to release 2")
    expect(page.get_by_role("heading", name="Runs 1.1.0")).to_be_visible()
    expect(page.get_by_text("on hold: prices are wrong")).to_be_visible()
    expect(page.get_by_role("link", name="Roll back …")).to_have_count(0)

    page.get_by_role("link", name="Resume …").click()
    asked.get_by_role("button", name="Resume").click()
    expect(release(page, 7)).to_contain_text("succeeded")
    expect(page.get_by_role("heading", name="Runs 1.3.0")).to_be_visible()


def test_the_keyboard_finds_a_service(page, landfall):
    landfall.put_file("shop.yaml", HELLO.replace("hello", "shop"))
    expect(page.locator("#services tbody tr")).to_have_count(2)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("shop wait")
    expect(row(page)).to_be_hidden()
    expect(page.locator("#found")).to_have_text("1 of 2")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="web/shop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/services/web/shop$"))
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("shop wait")
    expect(row(page)).to_be_hidden()
    page.get_by_role("searchbox").press("Escape")
    expect(row(page)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_telephone_and_follows_the_colours_of_the_system(browser, landfall, scheme):
    page, wrong = enter(browser, landfall, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    here = page.url.rstrip("/")
    for path in ["/", "/services/web/hello", "/services/web/hello/releases/3", "/figures"]:
        page.goto(here + path)
        expect(page.get_by_role("main")).to_contain_text("hello" if path != "/figures" else "Releases")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, f"{path} is {wide} wide"
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    light = sum(int(part) for part in re.findall(r"\d+", ground)) > 3 * 128
    assert light == (scheme == "light"), ground
    page.context.close()
    assert wrong == []


def test_a_page_that_lost_its_landfall_says_so_and_keeps_what_it_shows(browser, landfall):
    """The last story: it ends the Landfall."""
    page, _ = enter(browser, landfall)
    expect(row(page)).to_be_visible()
    expect(page.locator("#connection")).to_have_text("live")
    landfall.stop()
    expect(page.locator("#connection")).to_contain_text("is the command running?")
    expect(row(page)).to_be_visible()
    page.context.close()
