internal import CRdKafka
import Foundation

enum ProducerEvent {
  case nothing
  case fatal(String)
  case deliveries([Delivery])
}
