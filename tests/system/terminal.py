#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs a program in a pseudo terminal, and looks at its screen as a person would.

usage: terminal.py WIDTH HEIGHT COMMAND...

The steps stand on standard input, one a line:

    until TEXT        wait, 10 s at most, until TEXT is on the screen; gone TEXT: until it is not
    row TEXT          wait until a line matches the regular expression TEXT
    keys TEXT         type it; \\e is Escape
    size WIDTH HEIGHT resize
    signal NAME       to the program
    show              print the screen
    end STATUS        wait until it ends with that status, and has left the terminal as it was

Only what percore-top writes is known: a place, colours, clear to the end, the second screen, the cursor.  Anything
else, a control character or a character beyond the last column fails.
"""
import fcntl, os, pty, re, select, signal, struct, sys, termios, time

SEQUENCE = re.compile(r'\x1b\[(\??[0-9;]*)([A-Za-z])')


class Screen:
    def __init__(self, width, height):
        self.modes = {}
        self.resize(width, height)

    def resize(self, width, height):
        self.width, self.height = width, height
        self.cells = [[' '] * width for _ in range(height)]
        self.x = self.y = 0

    def sequence(self, arguments, letter):
        if letter == 'H':
            row, column = (int(n) for n in arguments.split(';'))
            assert row <= self.height and column <= self.width, f'the place {arguments} is outside'
            self.x, self.y = column - 1, row - 1
        elif letter == 'K' and not arguments:
            self.cells[self.y][self.x:] = [' '] * (self.width - self.x)
        elif letter == 'J' and not arguments:
            self.sequence('', 'K')
            for y in range(self.y + 1, self.height):
                self.cells[y] = [' '] * self.width
        elif letter in 'hl' and arguments in ('?1049', '?25'):
            self.modes[arguments] = letter
        elif letter == 'm':
            assert not os.environ.get('NO_COLOR') or '3' not in arguments, 'a colour'
        else:
            raise AssertionError(f'sequence {arguments!r} {letter}')

    def write(self, text):
        while text:
            found = SEQUENCE.match(text)
            if found:
                self.sequence(*found.groups())
                text = text[found.end():]
                continue
            if text[0] == '\x1b':
                assert len(text) < 16, f'sequence {text[:16]!r}'
                return text  # its rest is to come
            assert ' ' <= text[0] <= '~', f'character {text[0]!r}'
            assert self.x < self.width, f'beyond the last column of line {self.y}: {"".join(self.cells[self.y])}'
            self.cells[self.y][self.x] = text[0]
            self.x += 1
            text = text[1:]
        return ''

    def lines(self):
        return [''.join(row).rstrip() for row in self.cells]


class Terminal:
    def __init__(self, width, height, command):
        self.screen, self.rest, self.status = Screen(width, height), '', None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', height, width, 0, 0))
            time.sleep(0.1)
            os.execvp(command[0], command)
        time.sleep(0.05)
        self.before = termios.tcgetattr(self.fd)

    def read(self, seconds):
        """False: the program has ended."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.rest = self.screen.write(self.rest + data.decode('latin-1'))
        return bool(data)

    def until(self, what, holds):
        end = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < end and self.read(0.2), \
                f'never came: {what}; the screen:\n' + '\n'.join(self.screen.lines())

    def resize(self, width, height):
        while self.read(0.05) and select.select([self.fd], [], [], 0)[0]:
            pass
        self.screen.resize(width, height)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', height, width, 0, 0))

    def end(self, status):
        until = time.monotonic() + 10
        while self.read(0.2):
            assert time.monotonic() < until, 'it goes on'
        got = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        assert got == status, f'it ended with {got}'
        assert self.screen.modes == {'?1049': 'l', '?25': 'h'}, f'modes {self.screen.modes}'
        assert termios.tcgetattr(self.fd) == self.before, 'the terminal is not as it was'

    def step(self, word, rest):
        text = lambda: '\n'.join(self.screen.lines())
        if word == 'until':
            self.until(rest, lambda: rest in text())
        elif word == 'gone':
            self.until('no more ' + rest, lambda: rest not in text())
        elif word == 'row':
            self.until(rest, lambda: re.search(rest, text(), re.M))
        elif word == 'keys':
            os.write(self.fd, rest.replace('\\e', '\x1b').encode())
        elif word == 'size':
            self.resize(*map(int, rest.split()))
        elif word == 'signal':
            os.kill(self.pid, signal.Signals['SIG' + rest])
        elif word == 'show':
            print(text(), flush=True)
        elif word == 'end':
            self.end(int(rest))
        else:
            raise AssertionError(f'step {word}')


def main():
    terminal = Terminal(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    for line in sys.stdin:
        word, _, rest = line.rstrip('\n').partition(' ')
        try:
            terminal.step(word, rest)
        except AssertionError as wrong:
            sys.exit(f'{line.rstrip()}: {wrong}')


main()
