"""A technician's whole visit through a real pseudo terminal at 9600 baud, against the real daemon and real Modbus."""
