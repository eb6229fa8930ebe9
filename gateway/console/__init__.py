"""The console, the daemon's side: a Unix socket, who may do what, and what each request answers.

Lines of JSON come in and go out (`wire`); what people read is made from them elsewhere, in the technician's own process
(`gateway/terminal`), so that a wedged line, a flood of bytes or a crash at the keyboard never disturbs the daemon.
"""
