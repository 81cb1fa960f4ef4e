import PassKit
import TextInput

/// What of a request decides what comes out, by the names of the command line's options, as `--recipe` reads it.
public struct CompressionRecipe: Encodable, Sendable, Equatable {
    enum Value: Encodable, Sendable, Equatable {
        case text(String)
        case texts([String])
        case number(Double)
        case count(Int)
        case seed(UInt64)
        case flag

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .texts(let texts): try container.encode(texts)
            case .number(let number): try container.encode(number)
            case .count(let count): try container.encode(count)
            case .seed(let seed): try container.encode(seed)
            case .flag: try container.encode(true)
            }
        }
    }

    private(set) var options: [String: Value] = [:]

    /// - Parameters:
    ///   - aim: what was aimed at, the usual where the request says none.
    ///   - pipeline: the pipeline that the aim led to.
    init(_ request: CompressionRequest, aim: CompressionRequest.Aim, pipeline: Pipeline) {
        switch aim {
        case .keep(let share): options["keep"] = .number(share)
        case .size(let bytes): options["size"] = .count(bytes)
        case .bitsPerWeight(let bits): options["bits-per-weight"] = .number(bits)
        case .lossIncrease(let nats): options["max-loss-increase"] = .number(nats)
        case .lossless: options["lossless"] = .flag
        case .pipeline, .pipelineFile: options["pipeline"] = .texts(pipeline.invocations.map(\.description))
        }
        if !request.tensorTypes.isEmpty { options["tensor-type"] = .texts(request.tensorTypes.map(\.text)) }
        if let calibration = request.calibration {
            switch calibration.source {
            case .text(let source):
                options["calibration"] = .texts(source.paths)
                options["text-field"] = source.field.map { .text($0) }
            case .tokens(let path): options["calibration-tokens"] = .text(path)
            case .builtIn: break
            }
            options["calibration-sequences"] = .count(calibration.sequences)
            options["context"] = calibration.context.map { .count($0) }
        }
        if let text = request.measuredText {
            options["text"] = .texts(text.paths)
            options["text-field"] = text.field.map { .text($0) }
        }
        if let context = request.measuredContext { options["context"] = .count(context) }
        if !request.measuresCost { options["no-measure"] = .flag }
        options["seed"] = .seed(request.seed)
        options["original"] = request.original.map { .text($0) }
        options["from"] = request.format.map { .text($0) }
        options["to"] = request.outputFormat.map { .text($0) }
        if request.embedsFiles { options["embed-files"] = .flag }
    }

    public func encode(to encoder: any Encoder) throws { try options.encode(to: encoder) }
}
