"""Join a bed's namespaces; as a program, run one command inside a bed.

    python -I -S enter.py PID COMMAND [ARGUMENT...]

The program stays as the command's parent: it passes on every signal it gets, ends with the command's exit status (128 +
the signal's number if a signal ended it), and the kernel kills the command if the program is killed. It needs only the
standard library, so that it starts within milliseconds.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_SI_KERNEL = 0x80


def join(pid: int, kinds: tuple[str, ...]) -> None:
    """Move the calling thread into the namespaces `kinds` ("user", "pid", "net", "mnt") of process `pid`.

    A namespace that the caller is in already is skipped. Joining "user" or "mnt" needs a process with one thread; "pid"
    only takes effect for children. The current folder is kept. Raises OSError.
    """
    folder = Path.cwd()
    opened = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds if not _shared(pid, kind)]
    try:
        for descriptor in opened:
            if _LIBC.setns(descriptor, 0):
                number = ctypes.get_errno()
                raise OSError(number, f"cannot join a namespace of process {pid}: {os.strerror(number)}")
    finally:
        for descriptor in opened:
            os.close(descriptor)
    os.chdir(folder)


def _shared(pid: int, kind: str) -> bool:
    return os.path.samestat(Path(f"/proc/self/ns/{kind}").stat(), Path(f"/proc/{pid}/ns/{kind}").stat())


def _become(command: list[str], parent: int) -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() not in (0, parent):  # the parent died before we asked to die with it; 0: it is out of our sight
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.execvp(command[0], command)  # noqa: S606  (there is no shell to be had)
    except OSError as failure:
        print(f"enter: cannot run {command[0]}: {failure.strerror}", file=sys.stderr)
        os._exit(127)


def _wait_and_forward(child: int) -> int:
    watched = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGTTOU, signal.SIGTTIN}
    while True:
        info = signal.sigwaitinfo(watched)
        if info.si_signo != signal.SIGCHLD:
            if info.si_code != _SI_KERNEL:  # the terminal's own signals reach the command without us
                os.kill(child, info.si_signo)
            continue
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def main(arguments: list[str]) -> int:
    """Run `arguments[1:]` inside the bed whose first process is `arguments[0]`; returns the exit status."""
    try:
        join(int(arguments[0]), ("user", "pid", "net", "mnt"))
    except OSError as failure:
        print(
            f"enter: the bed of process {arguments[0]} cannot be entered ({failure}); is it still up?", file=sys.stderr
        )
        return 126
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _become(arguments[1:], parent)
    return _wait_and_forward(child)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
