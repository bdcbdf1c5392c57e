export { type Explanation, explainCode } from '../decisions/code-advice.ts'
