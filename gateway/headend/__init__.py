"""The link to the head-end: MQTT adapter, uplink of the journal, downlink of signed commands, time."""
