"""A local web page that examines a photograph, and a server for assistants.

  server.py           the server, until the command is stopped
  app.py              what is answered: page, analyses, views, downloads
  report_answers.py   what is answered: reports
  answers.py          forms of answers
  guard.py            what every request has to pass first, and its visitor
  refusal.py          the error that a request is refused
  connections.py      limits on open and slow connections, and on the log
  uploads.py          files of visitors, until they are read
  jobs.py             whose turn it is, and when a job is ended
  pool.py             a worker that is started anew when it has ended
  worker.py           a process that works for the server, and what it does
  analysis.py         a file to scores, pictures, records and downloads
  examinations.py     a file to its report
  result_cache.py     the last results, in memory
  painter.py          a thread for pictures of results
  samples.py          examples to click
  texts.py            the numbers of an analysis, in words
  static/             the page: HTML, style and scripts
  mcp_server.py       the same for assistants, on standard streams
  allowed_folders.py  whose files an assistant may have read

`commands.serve` and `commands.mcp` read the command line. The server of the
page opens no file of a visitor: processes that can be ended do. Only `server`,
`app`, `answers`, `report_answers` and `connections` import Starlette or
uvicorn, and only `mcp_server` imports `mcp`, which extras install.
"""
