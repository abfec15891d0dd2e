"""A local web page that localizes manipulated pixels in a photograph.

  analysis.py    an uploaded file to scores, pictures, records and downloads
  samples.py     examples to click
  page.py        the components of the page, in Gradio
  texts.py       the texts of the page, as HTML
  middleware.py  the filter of requests in front of Gradio
  server.py      the server, until the command is stopped

`commands.serve` reads the command line. Only `page` and `server` import Gradio,
and do so when the server starts.
"""
