"""read_reports.py SCHEMA JUNIT JSONL...: reads what a run left as CI servers do, and prints it as JSON.

Every line of the JSON lines must match the schema; the JUnit report is read by junitparser.
"""
import json
import sys

import jsonschema
import junitparser

schema_path, junit_path, *line_paths = sys.argv[1:]
with open(schema_path) as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
kinds = {}
wrong = []
for path in line_paths:
    with open(path) as file:
        for number, line in enumerate(file, 1):
            entry = json.loads(line)
            kinds[entry.get("kind")] = kinds.get(entry.get("kind"), 0) + 1
            wrong += [f"{path}:{number}: {error.message}" for error in validator.iter_errors(entry)]
# What the schema refuses says that it looks at all.
for bad in [{"kind": "end", "time": 1}, {"kind": "nonsense", "time": 1}, {"time": 1}]:
    if validator.is_valid(bad):
        wrong.append(f"the schema lets {bad} pass")

report = junitparser.JUnitXml.fromfile(junit_path)
suites = []
for suite in report:
    cases = []
    for case in suite:
        problems = [[type(r).__name__, r.message or "", r.text or ""] for r in case.result]
        cases.append({"name": case.name, "line": case._elem.get("line"), "problems": problems})
    suites.append({
        "name": suite.name, "tests": suite.tests, "failures": suite.failures, "errors": suite.errors,
        "skipped": suite.skipped, "time": suite.time, "cases": cases,
        "properties": {p.name: p.value for p in suite.properties()},
        "output": suite._elem.findtext("system-out") or "", "timestamp": suite.timestamp,
    })
totals = {"tests": report.tests, "failures": report.failures, "errors": report.errors, "skipped": report.skipped}
# junitparser counts anew; what the report says of itself must be the same.
counted = junitparser.JUnitXml.fromfile(junit_path)
counted.update_statistics()
recounted = {name: getattr(counted, name) for name in totals}
print(json.dumps({"kinds": kinds, "wrong": wrong, "suites": suites, "totals": totals, "recounted": recounted}))
