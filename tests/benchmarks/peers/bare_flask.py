"""A Flask route that reads the body and answers a constant: the minimum of this stack."""

from flask import Flask, Response, request

app = Flask(__name__)
ANSWER = b'{"results":[{"order_id":"O-000000","score":0.425557483188341,"queue":"monitor"}]}'


@app.post("/score")
def score():
    request.get_data()
    return Response(ANSWER, content_type="application/json")
