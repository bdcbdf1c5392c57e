import { writeSync } from 'node:fs'

const how = process.argv[2]
if (how === 'six') writeSync(3, Buffer.from([2, 0, 0, 0, 0, 9]))
if (how === 'six2') writeSync(3, Buffer.from([0, 0, 0, 2, 0xff, 0x7f]))
if (how === 'ack') process.send?.({ cmd: 'NODE_HANDLE_ACK' })
setInterval(() => {}, 1000)
