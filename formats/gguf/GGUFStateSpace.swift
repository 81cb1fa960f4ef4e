import Architectures
import CLibrary
import FormatKit
import ModelGraph

/// What belongs to the channels or heads of a state space, between a checkpoint's shapes and those of a file.
extension GGUFTensor {
    /// The tensor of a checkpoint as the file has it.
    func ofStateSpace(_ layout: TensorLayout, _ c: ModelConfiguration) throws -> GGUFTensor {
        let sides = shape.dimensions
        switch layout {
        case .channelKernels: return sides.count == 3 && sides[1] == 1 ? reshaped([sides[0], sides[2]]) : self
        case .oneColumn: return sides.count == 1 ? reshaped(sides + [1]) : self
        case .groupRows:
            guard let groups = c.stateSpace?.groupCount, groups > 0, sides.count == 1, sides[0] % groups == 0 else { return self }
            return reshaped([groups, sides[0] / groups])
        case .negatedExponential:
            let values = try mapped { -expf($0) }
            return sides.count == 1 && c.stateSpace?.kind != .delta ? values.reshaped(sides + [1]) : values
        default: return self
        }
    }

    /// The tensor of a file as the checkpoint has it.
    ///
    /// - Throws: `FormatError.malformed` for another shape than the layout has, and an A above 0.
    func checkpointTensor(_ layout: TensorLayout, _ c: ModelConfiguration, path: String) throws -> GGUFTensor {
        let sides = shape.dimensions
        func malformed(_ message: String) -> FormatError { .malformed(path, "tensor '\(name)'", "has shape \(shape); \(message)") }
        switch layout {
        case .channelKernels:
            guard sides.count == 2 else { throw malformed("a row for each channel was expected") }
            return reshaped([sides[0], 1, sides[1]])
        case .oneColumn:
            guard sides.count == 1 || sides.count == 2 && sides[1] == 1 else { throw malformed("a column was expected") }
            return reshaped([sides[0]])
        case .groupRows:
            guard [1, 2].contains(sides.count) else { throw malformed("a row for each group was expected") }
            return reshaped([shape.elementCount])
        case .negatedExponential:
            let isHeads = c.stateSpace?.kind == .heads
            let isVector = c.stateSpace?.kind == .delta && sides.count == 1
            guard isVector || sides.count == 2 && (!isHeads || sides[1] == 1) else {
                throw malformed("a row for each channel or head was expected")
            }
            guard try payload().densifiedFloats().allSatisfy({ $0 <= 0 }) else {
                throw FormatError.malformed(path, "tensor '\(name)'", "has numbers above 0, where A = −exp(A_log) is expected")
            }
            let values = try logarithms()
            return isHeads ? values.reshaped([sides[0]]) : values
        default: return self
        }
    }

    /// log(−A), in F32.
    func logarithms() throws -> GGUFTensor { try mapped { logf(-$0) } }

    private func mapped(_ function: (Float) -> Float) throws -> GGUFTensor {
        var result = self
        result.bytes = try DenseTensor(floats: try payload().densifiedFloats().map(function), shape: shape).bytes
        result.type = .plain(.f32)
        return result
    }
}
