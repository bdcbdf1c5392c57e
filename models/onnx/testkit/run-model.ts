import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { elementArrays, type Tensor, type Tensors } from '../../contract/tensor.ts'
import { OnnxError } from '../errors.ts'

const child = fileURLToPath(new URL('./session-child.ts', import.meta.url))

interface WireTensor {
  readonly dtype: Tensor['dtype']
  readonly dims: number[]
  readonly base64: string
}

/**
 * Runs a model on float32 inputs with onnxruntime in a process of its own, whose environment holds nothing but the
 * switch that keeps the library from sending telemetry.
 */
export async function runModel(model: Uint8Array, inputs: Tensors): Promise<Tensors> {
  const worker = spawn(process.execPath, [child], {
    env: { ORT_DISABLE_TELEMETRY: '1' },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const wire = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, toWire(tensor)]))
  worker.stdin.end(JSON.stringify({ model: Buffer.from(model).toString('base64'), inputs: wire }))
  const parts: Buffer[] = []
  worker.stdout.on('data', (part: Buffer) => parts.push(part))
  const [exitCode] = (await once(worker, 'close')) as [number | null]
  if (exitCode !== 0) throw new OnnxError('onnx_graph_invalid', { about: 'onnxruntime refused the model' })
  const answers = JSON.parse(Buffer.concat(parts).toString('utf8')) as Record<string, WireTensor>
  return Object.fromEntries(Object.entries(answers).map(([name, tensor]) => [name, fromWire(tensor)]))
}

function toWire(tensor: Tensor): WireTensor {
  const { buffer, byteOffset, byteLength } = tensor.data
  return {
    dtype: tensor.dtype,
    dims: [...tensor.dims],
    base64: Buffer.from(buffer, byteOffset, byteLength).toString('base64'),
  }
}

function fromWire(tensor: WireTensor): Tensor {
  const { buffer } = Uint8Array.from(Buffer.from(tensor.base64, 'base64'))
  return { dtype: tensor.dtype, dims: tensor.dims, data: new elementArrays[tensor.dtype](buffer) }
}

/** Rows of equal length as one float32 tensor of shape [rows, columns]. */
export function floatRows(rows: readonly (readonly number[])[]): Tensor {
  return { dtype: 'float32', dims: [rows.length, rows[0]?.length ?? 0], data: Float32Array.from(rows.flat()) }
}
