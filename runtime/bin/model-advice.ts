export { type Explanation, explainCode, explainJob } from '../decisions/code-advice.ts'
