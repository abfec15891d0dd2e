"""The paper's study: its tables, figures and claims beside ours."""
