"""A local web page that shows what a network finds in a photograph.

  command.py   arguments, what is refused before anything starts
  analysis.py  an uploaded file to scores, pictures, records and downloads
  samples.py   examples to click
  page.py      what is on the page, in Gradio
  words.py     what the page says
  server.py    who may ask for what, until the command is stopped

Only `page` knows Gradio.
"""
