"""Who looks and who replaces: never at once, and nobody waits for what can be broken off."""

import threading
import time

from eventsink.store.gate import Gate


def test_many_look_at_once_and_nobody_is_alone_meanwhile() -> None:
    gate = Gate()
    with gate.looking(), gate.looking(), gate.alone_at_once() as alone:
        assert not alone
    with gate.alone_at_once() as alone, gate.alone_at_once() as again:
        assert alone and not again
    with gate.looking():
        pass


def test_who_wants_to_be_alone_breaks_off_what_takes_long_and_comes_before_others() -> None:
    gate, asked, order = Gate(), threading.Event(), []

    def replace() -> None:
        with gate.alone():
            order.append("alone")

    def look() -> None:
        with gate.looking():
            order.append("look")

    with gate.looking(asked.set):
        replacing = threading.Thread(target=replace)
        replacing.start()
        assert asked.wait(60)
        looking = threading.Thread(target=look)
        looking.start()
        time.sleep(0.05)
        assert order == []
    replacing.join(60)
    looking.join(60)
    assert order == ["alone", "look"]
