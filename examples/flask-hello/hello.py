"""The tutorial's web application."""

import os

from flask import Flask

app = Flask(__name__)


@app.route("/")
def hello():
    return "Hello, World!"


if __name__ == "__main__":
    # In a container the port is 8080. On one machine every task gets a port of its own, in PORT.
    app.run(host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))
