import { useEffect, useState } from 'preact/hooks'
import type { DecisionRead } from '../api/answers.ts'
import { useBox } from '../page/box.ts'
import { type LabelMap, readLabelMap } from './label-map.ts'

/** The labels of a segmentation and what they are called; `load` asks for them, because each reading is recorded. */
export interface LabelLayer {
  readonly display: string
  readonly names: readonly { readonly value: number; readonly text: string }[]
  readonly map: LabelMap | undefined
  readonly fault: string | undefined
  load(): void
}

/** @returns undefined where the decision has no segmentation */
export function useLabelMap({ decision, contract }: DecisionRead): LabelLayer | undefined {
  const { client } = useBox()
  const [map, setMap] = useState<LabelMap | undefined>(undefined)
  const [fault, setFault] = useState<string | undefined>(undefined)
  const [isWanted, setWanted] = useState(false)
  const [name, output] =
    Object.entries(decision.assessment?.outputs ?? {}).find(([, { role }]) => role === 'segmentation') ?? []
  const path = name === undefined ? undefined : `/v1/decisions/${decision.decisionId}/outputs/${name}`
  useEffect(() => {
    if (!isWanted || path === undefined) return
    const stop = new AbortController()
    void client.bytes(path, stop.signal).then(async (answered) => {
      const read = answered.value === undefined ? undefined : await readLabelMap(answered.value.bytes)
      if (stop.signal.aborted) return
      setMap(read)
      setFault(read === undefined ? (answered.fault?.message ?? 'The labels could not be read.') : undefined)
    })
    return () => stop.abort()
  }, [client, path, isWanted])
  if (name === undefined || output === undefined) return undefined
  const names = (contract?.outputs[name]?.labels ?? []).filter(({ value }) => value !== 0)
  return { display: output.display, names, map, fault, load: () => setWanted(true) }
}
