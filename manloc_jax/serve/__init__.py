"""A local web page that localizes manipulated pixels in a photograph.

  server.py       the server, until the command is stopped
  app.py          what is answered: page, analyses, views, downloads
  answers.py      forms of answers
  guard.py        what every request has to pass first, and its visitor
  refusal.py      the error that a request is refused
  connections.py  limits on open and slow connections, and on the log
  uploads.py      files of visitors, until they are read
  jobs.py         whose turn it is, and when a job is ended
  pool.py         a worker that is started anew when it has ended
  worker.py       a process that works for the server, and what it does there
  analysis.py     a file to scores, pictures, records and downloads
  samples.py      examples to click
  texts.py        the numbers of an analysis, in words
  static/         the page: HTML, style and script

`commands.serve` reads the command line. The server itself opens no file of a
visitor: processes that can be ended do. Only `server`, `app`, `answers` and
`connections` import Starlette or uvicorn, which an extra installs.
"""
