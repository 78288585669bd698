"""A mail server that takes mail, or does not: as much of SMTP (RFC 5321) as a client needs, without TLS."""

import asyncio
import base64
from collections.abc import Sequence
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message

__all__ = ["MailServer"]


class MailServer:
    """A behaviour for `faults.serving`.

    Args:
        refuse: command and answer, as ("RCPT", "550 no such user"): said in the place of yes.
        times: how often, before it says yes.
        hang: the command to which it says nothing.
    """

    def __init__(self, refuse: tuple[str, str] | None = None, *, times: int = 1 << 30, hang: str = "") -> None:
        self.refuse = refuse
        self.times = times
        self.hang = hang
        self.mails: list[Message] = []
        self.logins: list[list[str]] = []

    @property
    def subjects(self) -> Sequence[str]:
        return [str(make_header(decode_header(mail["Subject"]))) for mail in self.mails]

    @property
    def texts(self) -> Sequence[str]:
        return [mail.get_payload(decode=True).decode() for mail in self.mails]

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")
            await writer.drain()

        await say("220 mail.example.org ESMTP")
        while line := (await reader.readline()).decode().strip():
            word, _, rest = line.partition(" ")
            word = word.upper()
            if word == self.hang:
                await asyncio.sleep(3600)
            if self.refuse and word == self.refuse[0] and self.times > 0:
                self.times -= 1
                await say(self.refuse[1])
            elif word == "EHLO":
                await say("250-mail.example.org")
                await say("250 AUTH PLAIN")
            elif word == "AUTH":
                self.logins.append(base64.b64decode(rest.partition(" ")[2]).decode().split("\0")[1:])
                await say("235 welcome")
            elif word == "DATA":
                await say("354 go on")
                text = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(message_from_bytes(text[:-5]))
                await say("250 taken")
            elif word == "QUIT":
                await say("221 bye")
                return
            else:
                await say("250 well")
