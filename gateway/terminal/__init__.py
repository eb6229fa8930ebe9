"""The technician's process: `prepaid-gateway console`, on a serial line or any other terminal.

It asks the daemon over its Unix socket (`gateway.console.wire`) and makes words of the answers. It is synchronous and
alone: whatever happens at its line, the daemon does not notice.
"""
