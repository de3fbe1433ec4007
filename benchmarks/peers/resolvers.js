// The schema over HAL documents: take the key if the part has it, else read the whole behind its own link.
//
// Whatever is at hand is returned as it is: a promise for each field would cost the most.
const pathOf = (href) => href.slice(href.indexOf('/releases/'))

const then = (value, next) => (typeof value?.then === 'function' ? value.then(next) : next(value))

const whole = (key) => (part, _, { read }) =>
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
    essentialCompetences: whole('essentialCompetences'),
  },
  TechnicalCompetence: {
    behaviouralIndicators: whole('behaviouralIndicators'),
    usedInOccupationalProfiles: (competence, { first }, { read }) =>
      then(read(pathOf(competence._links.usedInOccupationalProfiles.href)), (list) => ({
        nodes: items(list).slice(0, first),
      })),
  },
}
