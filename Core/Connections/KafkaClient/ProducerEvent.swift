internal import CRdKafka
import Foundation
import Records

enum ProducerEvent {
  case nothing
  case fatal(String)
  case deliveries([Delivery])
}
