const CONFIG = '  --config FILE       the configuration (default fleet.json; docs/fleet.md has one of ten lines)\n'

/** What each command says of itself, by its name. */
export const helps = {
  serve: `Usage: wardstone-fleet serve [--config FILE] [--stop-with-parent]

Collects from every device in the list until SIGTERM or SIGINT, and acknowledges what is on disk.
Standard output says "ready" once the broker has accepted the subscriptions; the log goes to standard error, one JSON
object a line. A broker that is away is waited for. Any number of collectors may serve one database and one group.

${CONFIG}  --stop-with-parent  also stop when standard input closes

Examples:
  wardstone-fleet serve --config /etc/wardstone-fleet/fleet.json

Exit codes: 0 stopped in order, 1 could not start, 2 wrong usage.
`,
  watch: `Usage: wardstone-fleet watch [--config FILE] [--once] [--json] [--interval SECONDS]

Shows devices, traffic and findings, refreshed until Ctrl-C. It reads the database and needs no broker.

${CONFIG}  --once              print one picture and end
  --json              print each picture as one JSON object a line
  --interval SECONDS  time between pictures, 0.2 to 3600 (default 1)

STATE is online, quiet (said to be online, and not heard for three minutes), offline (stopped, or lost as the broker
noticed) or unknown. WAITING counts records that the device has and the fleet has not. LOG is the size of the newest
checkpoint, CHECKED how long ago it came.

Examples:
  wardstone-fleet watch
  wardstone-fleet watch --once --json

Exit codes: 0 done, 1 failed, 2 wrong usage.
`,
  export: `Usage: wardstone-fleet export [--from WHEN] [--to WHEN] [--format csv|ndjson] [--out FILE] [--json] [--config FILE]

Writes every record that was received from --from until just before --to, in the order of arrival. Records carry no time
of their own but the year: a time is when the record was received.

  --from WHEN         a day or a moment in UTC: 2026-03-01 or 2026-03-01T10:00:00Z (default: the beginning)
  --to WHEN           the same (default: now)
  --format FORMAT     csv (RFC 4180) or ndjson (default csv)
  --out FILE          a file that is there only once it is whole, mode 0600 (default: standard output)
  --json              say the counts as JSON
${CONFIG}
Examples:
  wardstone-fleet export --from 2026-03-01 --to 2026-04-01 --out march.csv
  wardstone-fleet export --format ndjson | head

Exit codes: 0 done, 1 failed, 2 wrong usage.
`,
  checkpoints: `Usage: wardstone-fleet checkpoints SITE/DEVICE [--json] [--config FILE]

Prints the newest checkpoint of the device's audit log, as the signed note that it is. Give it to the box, and a log that
was cut or set back since shows. For a log that contradicted itself it is the last one before.

  --json              the whole history, newest first
${CONFIG}
Examples:
  wardstone-fleet checkpoints north/box-1 > checkpoint.txt
  wardstone audit verify --checkpoint checkpoint.txt

Exit codes: 0 done, 1 failed, 2 wrong usage.
`,
  findings: `Usage: wardstone-fleet findings [--json] [--config FILE]

Prints what should not have been, newest first, with its evidence: devices that are not in the list, messages outside the
schema, records that changed, checkpoints that contradict each other.

  --json              as one JSON object
${CONFIG}
Examples:
  wardstone-fleet findings || echo "look at the fleet"

Exit codes: 0 nothing, 1 failed, 2 wrong usage, 3 there are findings.
`,
  'device-line': `Usage: wardstone-fleet device-line SITE/DEVICE --origin NAME --log-key FILE

Prints the line that enrols a device, for the list that the configuration names: device and audit log key, the key in the
form of C2SP signed-note.

  --origin NAME       the origin of the device's log, as its configuration has it
  --log-key FILE      the public key of the log (PEM)

Examples:
  wardstone-fleet device-line north/box-1 --origin example.org/box-1 --log-key log.pub >> devices.txt

Exit codes: 0 done, 1 failed, 2 wrong usage.
`,
} as const satisfies Readonly<Record<string, string>>
