import ArgumentParser
import Caplet

/// The order of the bytes of numbers in an output.
enum Endianness: String, ExpressibleByArgument, CaseIterable {
    case little, big

    var order: ByteReader.Order { self == .little ? .little : .big }
}
