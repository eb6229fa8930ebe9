"""Messages to the customer, beside those the head-end sends: e-mail, and SMS through a modem on a serial port.

The journal is the queue: what must be told is committed there first, and each channel has a cursor of its own on it.
"""
