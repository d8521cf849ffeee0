#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A page in headless Chromium, driven over its debugging pipe as a person would use it.

    browser.py PROFILE URL STEP...

A STEP is "files SELECTOR|PATH|...", for an input of files; "until EXPRESSION", for 20 s at
most; "go URL"; "run COMMAND", of a shell; "scripts off"; "console", which prints what went wrong in
pages, as the console has it; "shot FILE|WIDTH|HEIGHT|light", or dark, which is a picture of the
window; or an EXPRESSION of JavaScript, whose value is printed.  Exit status 1: a step failed, which is said.
"""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time

SECONDS = 20


class Browser:
    def __init__(self, profile):
        commands, self.out = os.pipe()
        self.into, answers = os.pipe()
        # Above 4, so that neither is in the other's way.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (commands, answers)]

        def take():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            [shutil.which("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--no-proxy-server",
             "--remote-debugging-pipe", "--user-data-dir=" + profile, "about:blank"],
            preexec_fn=take, close_fds=False, stderr=subprocess.DEVNULL)
        for fd in [commands, answers] + high:
            os.close(fd)
        self.console = []
        self.buffer, self.number, self.session = b"", 0, None

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def read(self):
        until = time.monotonic() + SECONDS
        while b"\0" not in self.buffer:
            if not select.select([self.into], [], [], max(0, until - time.monotonic()))[0]:
                sys.exit("the browser does not answer")
            piece = os.read(self.into, 1 << 16)
            if not piece:
                sys.exit("the browser has ended")
            self.buffer += piece
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.console.append(json.dumps(answer["params"]))
            if answer.get("id") == self.number:
                return answer

    def attach(self):
        targets = self.call("Target.getTargets")["result"]["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["result"]["sessionId"]
        self.call("Log.enable")
        self.call("Runtime.enable")

    def go(self, url):
        self.call("Page.navigate", url=url)
        self.until("document.readyState == 'complete' && location.href != 'about:blank'")

    def shot(self, path, width, height, scheme):
        self.call("Emulation.setDeviceMetricsOverride", width=int(width), height=int(height), deviceScaleFactor=1,
                  mobile=int(width) < 500)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setScrollbarsHidden", hidden=True)
        time.sleep(.5)
        answer = self.call("Page.captureScreenshot", format="png")
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["result"]["data"]))

    def value(self, expression):  # None also while one page gives way to the next
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return answer.get("result", {}).get("result", {}).get("value")

    def until(self, expression):
        until = time.monotonic() + SECONDS
        while not self.value(expression):
            if time.monotonic() > until:
                sys.exit("never came true in the browser: %s\n%s" % (expression, self.value("document.documentElement.outerHTML")))
            time.sleep(0.05)

    def files(self, selector, *paths):
        root = self.call("DOM.getDocument")["result"]["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["result"]["nodeId"]
        answer = self.call("DOM.setFileInputFiles", nodeId=node, files=paths)
        if "error" in answer:
            sys.exit("%s: %s" % (selector, answer["error"]))


def main():
    browser = Browser(sys.argv[1])
    try:
        browser.attach()
        browser.go(sys.argv[2])
        for step in sys.argv[3:]:
            word, _, rest = step.partition(" ")
            if word == "files":
                browser.files(*rest.split("|"))
            elif word == "until":
                browser.until(rest)
            elif word == "go":
                browser.go(rest)
            elif word == "run":
                subprocess.run(rest, shell=True, check=True)
            elif word == "shot":
                browser.shot(*rest.split("|"))
            elif step == "scripts off":
                browser.call("Emulation.setScriptExecutionDisabled", value=True)
            elif step == "console":
                print("\n".join(browser.console))
            else:
                print(browser.value(step))
    finally:
        browser.end()


main()
