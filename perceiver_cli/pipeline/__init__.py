"""From many sources to many results: decoding beside the model, batches, and the input order.

sources -> line (bounded, ordered) -> decoding (threads, or processes) -> batches -> results
"""
