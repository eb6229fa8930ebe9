"""Simulated electricity meters on real Modbus wires, and a modem: a plant to test and demonstrate against.

Independent of `gateway` and of every Modbus library on purpose, so that a decoder bug cannot hide on both sides.

    scenario.py    TOML -> a checked plant.py       control.py   the words that change a running one
    simulation.py  builds and runs it               faults.py    what goes wrong
    physics.py     load, contacts, energy           load.py      power over time
    device.py      a slave and its faults           meter.py, relay_board.py, models/   what the slaves are
    line.py        units on a line                  rtu.py, tcp.py, wire.py, pty.py   the wires
    modem.py       a modem, on modem_line.py        sms.py        what its service centre understands
"""
