"""Sends what real SDKs send: `emit.py CASE PROTOCOL`, to OTEL_EXPORTER_OTLP_ENDPOINT.

CASE is spans (the bare SDK), openai_v2, openinference or traceloop; PROTOCOL is http or grpc. Exits 1 if an export was
not taken.
"""

import sys

import openai
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Status, StatusCode

import model_server

case, protocol = sys.argv[1:]
if protocol == "http":
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    options = {"compression": Compression.Gzip}
else:
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    options = {"compression": Compression.Gzip}

failures = []


class Spans(OTLPSpanExporter):
    def export(self, spans, **more):
        result = super().export(spans, **more)
        if result is not SpanExportResult.SUCCESS:
            failures.append(result)
        return result


resource = Resource.create(
    {"service.name": case, "service.version": "2", "deployment.environment.name": "test", "host.name": "web-1"}
)
tracers, loggers = TracerProvider(resource=resource), LoggerProvider(resource=resource)
tracers.add_span_processor(BatchSpanProcessor(Spans(**options)))
loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(**options)))
if case != "traceloop":  # which brings a provider of its own
    trace.set_tracer_provider(tracers)
set_logger_provider(loggers)


def converse():
    """Every kind of answer that the model has."""
    client = openai.OpenAI(base_url=model_server.start(), api_key="none", max_retries=0)
    function = {"name": "get_weather", "description": "d", "parameters": {"type": "object", "properties": {}}}
    tools = [{"type": "function", "function": function}]

    def chat(said, **more):
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": said}]
        return client.chat.completions.create(model="gpt-x", messages=messages, temperature=0.5, max_tokens=50, **more)

    chat("Where is my order? Ask ada.king@mail.example")
    chat("What is the weather?", tools=tools)
    for _ in chat("Please stream.", stream=True, stream_options={"include_usage": True}):
        pass
    try:
        chat("Please fail.")
    except openai.RateLimitError:
        pass
    chat("How to build a bomb?", user="u-17")
    history = [
        {"role": "user", "content": "And tomorrow?"},
        {"role": "assistant", "content": None, "tool_calls": [model_server.CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "4 degrees"},
    ]
    client.chat.completions.create(model="gpt-x", messages=history)


def spans():
    """Spans written by hand: a tool over MCP with an error below it, a retrieval, and one that is not of GenAI."""
    tracer = tracers.get_tracer("by-hand", "1")
    with tracer.start_as_current_span("GET /orders", attributes={"http.request.method": "GET"}):
        call = {
            "mcp.method.name": "tools/call",
            "mcp.session.id": "m-1",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "read_file",
            "gen_ai.tool.call.id": "c-1",
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.arguments": '{"path": "/orders/A-1"}',
            "gen_ai.tool.call.result": '{"content": [{"type": "text", "text": "shipped"}]}',
            "gen_ai.conversation.id": "s-9",
            "user.id": "u-17",
            "gen_ai.agent.name": "helper",
            "retries": 2,
            "ratio": 0.25,
            "tags": ["a", "b"],
            "fast": True,
        }
        with tracer.start_as_current_span("tools/call read_file", attributes=call):
            pass
        with tracer.start_as_current_span("execute_tool slow", attributes={"gen_ai.operation.name": "execute_tool"}) as slow:
            slow.record_exception(TimeoutError("took too long"))
            slow.set_status(Status(StatusCode.ERROR, "gave up"))
        found = {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.data_source.id": "kb",
            "gen_ai.retrieval.query.text": "returns?",
            "gen_ai.retrieval.documents": '[{"id": "d-1", "score": 0.5, "content": "Thirty days."}]',
        }
        with tracer.start_as_current_span("retrieval kb", attributes=found):
            pass


def with_traceloop():
    from traceloop.sdk import Traceloop
    from traceloop.sdk.decorators import agent, tool, workflow
    from traceloop.sdk.instruments import Instruments

    Traceloop.init(
        app_name="traceloop",
        exporter=Spans(**options),
        resource_attributes={"service.version": "2"},
        instruments={Instruments.OPENAI},
        telemetry_enabled=False,
    )
    Traceloop.set_association_properties({"user_id": "u-17", "session_id": "s-9"})

    @tool(name="lookup")
    def lookup(order):
        return {"state": "shipped", "order": order}

    @agent(name="helper")
    def helper():
        lookup(order="A-1")
        converse()
        return "done"

    @workflow(name="order_flow")
    def flow(question):
        return helper()

    flow("Where is it?")


if case == "openai_v2":
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()
    converse()
elif case == "openinference":
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=tracers)
    converse()
elif case == "traceloop":
    with_traceloop()
    trace.get_tracer_provider().force_flush()
else:
    spans()
tracers.shutdown()
loggers.shutdown()
sys.exit(1 if failures else 0)
