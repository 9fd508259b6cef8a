import Catalog
import Records

package struct IndexMatch: Sendable {
  package var document: DocumentInfo
  package var set: SetID
  package var chunk: Chunk
  package var score: Float
}
