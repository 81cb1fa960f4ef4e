import FoundationEssentials
import ModelGraph

/// Finished work as bytes that one rank sends to others: the length of a JSON header, the header, and the bytes of its arrays.
extension WorkSegment {
    private struct Header: Codable {
        var pass = 0
        var tensors: [Tensor] = []
        var losses: [FinishedLosses] = []
        var records: [Record] = []
        var snapshot: Snapshot?
        var report: PassReport?
    }

    private struct Tensor: Codable {
        let name: String
        let payload: PayloadMessage
        let report: TensorReport?
    }

    private struct Record: Codable {
        let stage: String
        let name: String
        let found: Snapshot
    }

    private struct Snapshot: Codable {
        var numbers: [String: [Double]]
        var arrays: [Array] = []

        struct Array: Codable {
            let name: String
            let values: PayloadMessage
        }

        init(_ snapshot: PassSnapshot, _ bytes: inout [UInt8]) throws {
            numbers = snapshot.numbers
            for (name, values) in snapshot.arrays.sorted(by: { $0.key < $1.key }) {
                arrays.append(Array(name: name, values: try PayloadMessage(values, &bytes)))
            }
        }

        func snapshot(_ bytes: inout MessageBytes) throws -> PassSnapshot {
            var made = PassSnapshot()
            made.numbers = numbers
            for array in arrays { made.arrays[array.name] = try array.values.dense(&bytes) }
            return made
        }
    }

    private static let notNumbers = ("inf", "-inf", "nan")

    /// - Throws: what reading the payloads throws.
    public func message() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var header = Header(pass: pass)
        header.tensors = try tensors.map { Tensor(name: $0.name, payload: try PayloadMessage($0.payload, &bytes), report: $0.report) }
        header.losses = losses
        header.records = try records.map { Record(stage: $0.stage, name: $0.name, found: try Snapshot($0.found, &bytes)) }
        header.snapshot = try snapshot.map { try Snapshot($0, &bytes) }
        header.report = report
        let encoder = JSONEncoder()
        let (positive, negative, nan) = Self.notNumbers
        encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: positive, negativeInfinity: negative, nan: nan)
        let json = try encoder.encode(header)
        var message = withUnsafeBytes(of: UInt64(json.count).littleEndian) { [UInt8]($0) }
        message.reserveCapacity(8 + json.count + bytes.count)
        message += json
        return message + bytes
    }

    /// - Throws: `GraphError` for what is no such message.
    public init(message: [UInt8]) throws {
        guard message.count >= 8 else { throw MessageBytes.broken }
        let length = message.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        guard length <= UInt64(message.count - 8) else { throw MessageBytes.broken }
        let decoder = JSONDecoder()
        let (positive, negative, nan) = Self.notNumbers
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: positive, negativeInfinity: negative, nan: nan)
        guard let header = try? decoder.decode(Header.self, from: Data(message[8..<8 + Int(length)])) else { throw MessageBytes.broken }
        var bytes = MessageBytes(message, from: 8 + Int(length))
        self.init(pass: header.pass)
        tensors = try header.tensors.map {
            FinishedTensor(name: $0.name, payload: try $0.payload.payload(&bytes), report: $0.report)
        }
        losses = header.losses
        records = try header.records.map {
            FinishedRecord(stage: $0.stage, name: $0.name, found: try $0.found.snapshot(&bytes))
        }
        snapshot = try header.snapshot?.snapshot(&bytes)
        report = header.report
    }
}
