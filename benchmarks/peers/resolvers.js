// The schema over HAL documents: returns a key of the embedded object, or reads it from the complete document.
//
// Cached values are returned without a promise: a promise per field would be the largest cost.
const pathOf = (href) => href.slice(href.indexOf('/releases/'))

const then = (value, next) => (typeof value?.then === 'function' ? value.then(next) : next(value))

const fromDocument = (key) => (part, _, { read }) =>
  part[key] ?? then(read(pathOf(part._links.self.href)), (document) => document[key])

const items = (list) => (list._embedded ? Object.values(list._embedded)[0] : [])

export const resolvers = {
  Query: {
    occupationalProfile: (_, { uuid, release }, { read }) => read(`/releases/${release}/occupationalprofiles/${uuid}`),
    technicalCompetence: (_, { uuid, release }, { read }) => read(`/releases/${release}/technicalcompetences/${uuid}`),
    occupationalProfiles: (_, { release, first }, { read }) =>
      then(read(`/releases/${release}/occupationalprofiles?page=0&size=${first}`), (list) => ({ nodes: items(list) })),
  },
  OccupationalProfile: {
    essentialCompetences: fromDocument('essentialCompetences'),
  },
  TechnicalCompetence: {
    behaviouralIndicators: fromDocument('behaviouralIndicators'),
    usedInOccupationalProfiles: (competence, { first }, { read }) =>
      then(read(pathOf(competence._links.usedInOccupationalProfiles.href)), (list) => ({
        nodes: items(list).slice(0, first),
      })),
  },
}
