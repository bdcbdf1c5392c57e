import { InferenceSession } from 'onnxruntime-node'
import { trialModel } from './trial-models.ts'

/** The library as it comes, nothing switched off: shows what the test of the worker would see. For a namespace without network only. */
await InferenceSession.create(trialModel())
process.stdout.write('ready\n')
setInterval(() => {}, 1000)
