import { fileURLToPath } from 'node:url'
import { type StartedProcess, startProcess } from './child-process.ts'

export interface RuntimeProcess extends StartedProcess {
  readonly url: string
  /** Host and port of gRPC, where the configuration has it. */
  readonly grpc: string | undefined
}

const ENTRY = fileURLToPath(new URL('../runtime/bin/runtime.ts', import.meta.url))

/** The runtime as a process of its own; it answers when this returns. @throws DemoError demo_process_failed */
export async function startRuntimeProcess(
  configPath: string,
  logPath: string,
  port: number | undefined,
): Promise<RuntimeProcess> {
  const portOption = port === undefined ? [] : ['--port', String(port)]
  const command = [ENTRY, '--config', configPath, ...portOption]
  const started = await startProcess({ name: 'runtime', command, logPath })
  return { ...started, url: started.readyWith, grpc: /^grpc (\S+)$/m.exec(started.words)?.[1] }
}
