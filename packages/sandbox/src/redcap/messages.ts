/**
 * Every text REDCap says, in one place, so that it can be corrected. Marks as in redcap-api.md §0: [T] seen from a real
 * server, [I] quoted by users, [D] documented, [?] unverified: ours, until someone shows the real one.
 */
export const messages = {
  // Authorisation and request (§1.8)
  /** [T] Unknown token, revoked rights, missing module right. */
  noApiRights: 'You do not have permissions to use the API',
  /** [T] */
  noImportRights: 'You do not have API Import/Update privileges',
  /** [T] */
  noDeleteRights: 'You do not have Delete Record privileges',
  /** [?] by analogy */
  noRenameRights: 'You do not have Rename Record privileges',
  /** [?] by analogy */
  noCreateRights: 'You do not have Create Record privileges',
  /** [I] */
  notImplemented: 'The requested method is not implemented.',
  /** [D] client code of redcapAPI */
  contentInvalid: 'The value of the parameter "content" is not valid',
  /** [T] malformed `data` */
  dataNotInFormat: 'The data is not in the specified format.',
  /** [?] */
  parameterInvalid: (name: string) => `The value of the parameter "${name}" is not valid`,
  /** [?] */
  parameterMissing: (name: string) => `The parameter "${name}" is missing`,
  /** [I] PyCap #80; the status with it is not known */
  outOfMemory:
    'REDCap ran out of server memory. The request cannot be processed. Please try importing/exporting a smaller amount of data.',
  /** [?] the web server's own words */
  tooLarge: 'The request is larger than this server accepts',
  /** [?] */
  unreadableRequest: 'The request could not be read',
  /** [?] */
  unknownError: 'An unknown error occurred',

  // Export
  /** [T] for fields; [?] for forms and events, same wording */
  valuesNotValid: (parameter: string, values: readonly string[]) =>
    `The following values in the parameter "${parameter}" are not valid: ${values.map((v) => `'${v}'`).join(', ')}`,
  /** [T] */
  armsOfClassic: 'You cannot export arms for classic projects',
  /** [T] */
  eventsOfClassic: 'You cannot export events for classic projects',
  /** [T] */
  mappingsOfClassic: 'You cannot export form/event mappings for classic projects',
  /** [T-] */
  nothingRepeats:
    'You cannot export repeating instruments and events because the project does not contain any repeating instruments and events',
  /** [?] */
  filterLogicInvalid: 'The value of the parameter "filterLogic" is not valid: the logic has a syntax error',
  /** [?] */
  fieldNotValid: (field: string) => `The value of the parameter "field" is not valid: '${field}'`,

  // Delete and rename
  /** [T] */
  recordsToDeleteMissing: (ids: readonly string[]) =>
    `One or more of the records provided cannot be deleted because they do not exist in the project. The following records do not exist: ${ids.join(', ')}`,
  /** [T] for survey links; [?] for rename */
  recordMissing: (id: string) => `The record "${id}" does not exist`,
  /** [?] */
  recordExists: (id: string) => `The record "${id}" already exists`,
  /** [?] */
  eventNeeded: 'The parameter "event" is required when the parameter "instrument" is used in a longitudinal project',

  // Structure: arms, events, mappings, dictionary
  /** [?] by analogy with the export */
  importOfClassic: (what: string) => `You cannot import ${what} for classic projects`,
  /** [?] documented as not allowed */
  metadataInProduction: 'You cannot import the data dictionary of a project that is in production status',
  /** [?] */
  metadataFault: (line: number, reason: string) => `Field ${line} of the data dictionary: ${reason}`,
  /** [?] */
  armInvalid: (arm: string) => `The arm number '${arm}' is not valid`,
  /** [?] */
  armUnknown: (arm: string) => `The arm number '${arm}' does not exist in this project`,
  /** [?] */
  eventNameMissing: 'The event name is missing',
  /** [?] */
  formUnknown: (form: string) => `The instrument '${form}' does not exist in this project`,
  /** [?] */
  noSettings: 'The data holds no project setting that can be changed',

  // Users, roles, groups
  /** [I] REDCapR #556; the misspelling and the two dots are REDCap's */
  dagsOfMember:
    'You do not have permission to export/import/delete Data Access Groups because you have beed assigned to a Data Access Group..',
  /** [?] */
  usernameMissing: 'The username is missing',
  /** [?] */
  userUnknown: (name: string) => `The user '${name}' does not exist in this project`,
  /** [?] */
  rightInvalid: (right: string, of: string) => `The value of '${right}' for '${of}' is not valid`,
  /** [T-] for roles, [?] for users */
  formOfRights: (form: string, kind: string, of: string) =>
    `The form named "${form}" is incorrect for the ${kind} "${of}" The form does not exist in this project.`,
  /** [T-] */
  rolesInvalid: (names: readonly string[]) => `Invalid Unique Role Names: ${names.join(', ')}`,
  /** [?] */
  roleLabelMissing: 'The role label is missing',
  /** [?] */
  dagNameMissing: 'The name of the Data Access Group is missing',
  /** [?] */
  dagNotYours: (name: string) => `You are not assigned to the Data Access Group '${name}'`,

  // Projects
  /** [T] */
  purposeOtherMissing: "You must provide some text for 'purpose_other' since you specified 'purpose' as '1' (Other).",
  /** [?] */
  projectFieldMissing: (field: string) => `You must provide a value for '${field}'`,
  /** [?] */
  purposeInvalid: "The value of 'purpose' must be a whole number from 0 to 4",
  /** [?] */
  odmInvalid: (reason: string) => `The ODM XML could not be imported: ${reason}`,

  // Files
  /** [T] */
  fileFieldUnknown: (field: string) => `The field '${field}' does not exist or is not a 'file' field`,
  /** [T-] */
  noFileToDelete: 'There is no file to delete for this record',
  /** [?] the counterpart of the above */
  noFileToDownload: 'There is no file to download for this record',
  /** [?] */
  fileMissing: 'No valid file was uploaded',
  /** [T] */
  folderUnknown: (id: string) =>
    `The File Repository folder folder_id=${id} does not exist or else you do not have permission to that folder because it is DAG-restricted or Role-restricted.`,
  /** [?] worded like the folder's */
  docUnknown: (id: string) =>
    `The File Repository file doc_id=${id} does not exist or else you do not have permission to that file because it is DAG-restricted or Role-restricted.`,
  /** [?] */
  folderNameInvalid: 'The folder name must have 1 to 150 characters',

  // Surveys, reports, randomisation
  /** [?] */
  notASurvey: (form: string) => `The instrument '${form}' is not enabled as a survey`,
  /** [?] */
  surveysOff: 'Surveys are not enabled in this project',
  /** [?] */
  reportUnknown: (id: string) => `The report_id '${id}' does not exist in this project`,
  /** [?] */
  randomizationUnknown: (id: string) => `The randomization_id '${id}' does not exist in this project`,
  /** [?] */
  alreadyRandomized: (id: string) => `The record "${id}" has already been randomized`,
  /** [?] */
  strataMissing: (fields: readonly string[]) =>
    `The record cannot be randomized because values are missing: ${fields.join(', ')}`,

  // Import, structure
  /** [I] */
  columnsUnknown: (names: readonly string[]) =>
    `The following fields were not found in the project as real data fields: ${names.join(', ')}`,
  /** [?] */
  idColumnMissing: (field: string) => `The record ID field '${field}' was not found in the data being imported`,
  /** [D] client side in phpcap: refused */
  autoIdsNeedAutoNumber: 'The value "auto_ids" of the parameter "returnContent" requires "forceAutoNumber" to be true',

  // Import, per value
  /** [I] */
  formatWrong:
    'The value you provided could not be validated because it does not follow the expected format. Please try again.',
  /** [D] */
  notANumber: 'This value you provided is not a number. Please try again.',
  /** [D] */
  notAnInteger: 'This value you provided is not an integer. Please try again.',
  /** [D] */
  notATime:
    'The value entered must be a time value in the following format HH:MM within the range 00:00-23:59 (e.g., 04:32 or 23:19).',
  /** [D] */
  notAZipCode: 'This field must be a 5 or 9 digit U.S. ZIP Code (like 94043). Please re-enter it now.',
  /** [D] */
  notAPhone: 'This field must be a 10 digit U.S. phone number (like 415 555 1212). Please re-enter it now.',
  /** [D] */
  notAnEmail: 'This field must be a valid email address (like joe@user.com). Please re-enter it now.',
  /** [?] */
  codeUnknown: 'The value is not a valid category for this field',
  /** [?] */
  checkboxNotBinary: 'The value is not valid for a checkbox: only 0 and 1 are',
  /** [?] */
  eventUnknown: (name: string) => `The event '${name}' is not a valid unique event name of this project`,
  /** [I] */
  notDesignated: (field: string, event: string) =>
    `This field ('${field}') exists on an instrument that is not designated for the event named '${event}'. You are not allowed to import data for this field into this event.`,
  /** [I] two blanks before the last sentence */
  repeatColumnsMissing: (field: string, form: string) =>
    `This field ('${field}') exists on a Repeating Instrument named '${form}'. However, the fields 'redcap_repeat_instance' and/or 'redcap_repeat_instrument' for this row of data have no value, which are both required for importing data into a Repeating Instrument.  You are not allowed to import data for this field into a non-repeating instrument.`,
  /** [I] */
  notARepeatingForm:
    'redcap_repeat_instrument must be the unique form name of a Repeating Instrument. It currently does not match the unique form name of any Repeating Instruments.  Please fix this in the data import file and try again.',
  /** [I] */
  instanceNotAllowed:
    'redcap_repeat_instance cannot have a value since this instrument or event is not a repeating instrument or repeating event, respectively.  The redcap_repeat_instance field must be left blank for this row of data.',
  /** [?] */
  instanceInvalid: "redcap_repeat_instance must be a positive whole number or 'new'",
  /** [?] */
  fieldOutsideRepeatingForm: (field: string, form: string) =>
    `This field ('${field}') does not exist on the Repeating Instrument named '${form}' of this row of data. You are not allowed to import data for this field into this repeating instrument.`,
  /** [T] in the browser's import; here per value */
  recordLocked: 'This record has been locked at the record level. No value within this record can be modified.',
  /** [T] in the browser's import */
  dagColumnIllegal: "Illegal use of 'redcap_data_access_group' field!",
  /** [?] */
  dagUnknown: (name: string) => `The Data Access Group '${name}' does not exist in this project`,
  /** [?] */
  recordOfAnotherDag: 'This record belongs to another Data Access Group. You are not allowed to modify it.',
  /** [?] */
  idMissing: 'The record ID is missing in this row of data',
} as const;
