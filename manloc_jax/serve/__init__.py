"""A local web page that shows what a network finds in a photograph.

  command.py   arguments, what is refused before anything starts
  analysis.py  an uploaded file to scores, pictures, records and downloads
  samples.py   examples to click
  page.py      what is on the page, in Gradio
  words.py     what the page says
  guard.py     which requests get through
  server.py    the server, until the command is stopped

Only `page` and `server` know Gradio, and import it when the server starts.
"""
