import type { ModelDetailBody, ModelJobBody, ModelStoreBody } from '../../runtime/http/contract-models.ts'
import type { Job, ModelDetail, ModelStore } from '../api/answers.ts'

/**
 * Does not compile when the pages and the contract no longer describe the same thing. What is said of models cannot be
 * imported by the pages: their types are checked as a browser's, and that contract leads to code that is Node's.
 */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
type Holds<T extends true> = T
export type PagesMatchContract = [
  Holds<Same<ModelDetail, ModelDetailBody>>,
  Holds<Same<ModelStore, ModelStoreBody>>,
  Holds<Same<Job, ModelJobBody>>,
]
