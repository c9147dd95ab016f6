export {
  apiKeyPattern,
  apiKeyRecordSchema,
  AUDIT_OUTCOMES,
  auditEventSchema,
  storedAuditEventSchema,
  type ApiKeyRecord,
  type AuditAction,
  type AuditEvent,
  type AuditOutcome,
  type StoredAuditEvent,
} from './api-keys.ts';
export { FAILED_JOBS, REFUSED_REQUESTS, type ErrorEntry } from './api/error-list.ts';
export { REQUEST_HEADERS, RESPONSE_HEADERS } from './api/headers.ts';
export { API_VERSION, openApiDocument, type OpenApi, type OpenApiResponse, type Operation } from './api/openapi.ts';
export { allowedMethods, ROUTES, UNROUTED_PROBLEMS } from './api/routes.ts';
export { type Route } from './api/route.ts';
export {
  affineSchema,
  geometryFieldSchema,
  SPACING_ORDERS,
  type Affine,
  type GeometryField,
  type SpacingOrder,
} from './geometry.ts';
export {
  deletionBodySchema,
  externalJobIdSchema,
  idempotencyKeySchema,
  INFER_FIELDS,
  jobListSchema,
  listQuerySchema,
  logsQuerySchema,
  resultBodySchema,
  statusBodySchema,
  statusQuerySchema,
  submittedSchema,
  type DeletionBody,
  type InferField,
  type JobList,
  type ListQuery,
  type LogsQuery,
  type ResultBody,
  type StatusBody,
  type StatusQuery,
  type Submitted,
  type WaitingFor,
} from './http.ts';
export { isJobId, jobIdSchema, sha256Schema, type JobId } from './ids.ts';
export { jobFileSchema, type JobFile } from './job-file.ts';
export {
  attemptSchema,
  jobRecordSchema,
  progressSchema,
  storedJobRecordSchema,
  storedProgressSchema,
  type Attempt,
  type JobRecord,
  type Progress,
  type TaskRef,
} from './job-record.ts';
export {
  ARTIFACT_NAMES,
  ARTIFACTS,
  attemptArtifactKey,
  attemptPrefix,
  INPUT_FILE,
  inputKey,
  isArtifactName,
  isObjectKey,
  isObjectPrefix,
  jobFileKey,
  jobIdOfKey,
  jobPrefix,
  JOBS_PREFIX,
  logsKey,
  OBJECT_KIND_TAG,
  OBJECT_KINDS,
  objectKind,
  publishedKey,
  reportKey,
  type ArtifactName,
  type ObjectKind,
} from './keys.ts';
export {
  lastEventIdSchema,
  LIFE_EVENT_TYPES,
  lifeEventSchema,
  progressEventSchema,
  type LifeEvent,
  type LifeEventType,
  type ProgressEvent,
} from './life-events.ts';
export { LIMITS } from './limits.ts';
export { createLog, errorFields, LOG_EVENTS, type Log, type LogEvent, type LogFields } from './log.ts';
export { labelOf, statusClassOf, withTaps, type LogTaps } from './log-taps.ts';
export { metadataSchema, storedMetadataSchema, type Metadata } from './metadata.ts';
export { METRICS, METRICS_NAMESPACE, metricsNamespaceOf, withMetrics } from './metrics.ts';
export { MODEL_ENV, MODEL_FILES, weightsEnvironment, WORKSPACE } from './model-env.ts';
export {
  IMG_DTYPES,
  modelManifestSchema,
  paramsSchemaOf,
  type ModelManifest,
  type ModelWeights,
  type Params,
} from './model-manifest.ts';
export { modelMetricsSchema, type ModelMetrics } from './model-metrics.ts';
export {
  FAILURE_CODES,
  FAILURE_MESSAGES,
  FAILURES,
  failureOfExit,
  faultOf,
  MODEL_EXIT,
  type ContainerEnd,
  type FailureCode,
  type Fault,
} from './outcomes.ts';
export { type ModelList, type ModelView } from './model-view.ts';
export {
  ERRORS_PATH,
  PROBLEM_CODES,
  PROBLEM_TYPE,
  problemSchema,
  problemType,
  PROBLEMS,
  retryAfterSOf,
  type Problem,
  type ProblemCode,
} from './problems.ts';
export {
  manifestSchema,
  reportSchema,
  storedReportSchema,
  type AttemptReport,
  type Manifest,
  type ManifestEntry,
} from './report.ts';
export {
  CLASS_OF_KIND,
  DEFAULT_RETENTION,
  FILE_CLASSES,
  keepsRecordLongest,
  RECORD_MUST_BE,
  RETENTION_CLASSES,
  RETENTION_DAYS,
  retentionOf,
  retentionSchema,
  retentionVariable,
  retentionVariables,
  type FileClass,
  type Retention,
  type RetentionClass,
} from './retention.ts';
export {
  holdsSlot,
  isTerminal,
  PHASES,
  STATUSES,
  statusOf,
  TRANSITIONS,
  type Phase,
  type SlotChange,
  type Status,
} from './states.ts';
export { mermaidOfTransitions } from './states-diagram.ts';
export { WARNING_CODES, WARNINGS, type WarningCode } from './warnings.ts';
export {
  modelEndSchema,
  stageInVerdictSchema,
  taskFileSchema,
  WORK_FILES,
  type ModelEnd,
  type StageInVerdict,
  type TaskFile,
} from './work-folder.ts';
