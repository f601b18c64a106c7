//! The multilayer perceptron over the images of a shard.

use super::block::weight_backward;
use super::layout::Affine;
use super::net::Net;
use super::profile::{Clock, Part};
use crate::data::{ImageShape, Images};
use crate::model::MlpConfig;
use crate::ops::buffer::Buffer;
use crate::ops::linear::{Linear, Rows};
use crate::ops::matmul::{Out, Write};
use crate::ops::relu;

/// The parameters, laid out for matrix products.
pub struct MlpNet {
    /// The last one is the head.
    layers: Vec<(Linear, Affine)>,
    pixels: usize,
    hidden: usize,
    classes: usize,
    len: usize,
}

/// All buffers of one worker.
pub struct Workspace {
    /// Pixels in [0, 1], `[images, pixels]`.
    x: Buffer,
    /// Of each hidden layer the output and the derivative of its ReLU, `[images, hidden]`.
    hidden: Vec<[Buffer; 2]>,
    logits: Buffer,
    clock: Clock,
}

impl MlpNet {
    /// A model of zeros.
    pub fn new(config: &MlpConfig, input: ImageShape) -> Self {
        let layout = config.layout(input);
        let layer = |(i, [inputs, outputs]): (usize, [usize; 2])| {
            (Linear::new(inputs, outputs), Affine::new(&layout, &MlpConfig::name(i)))
        };
        Self {
            layers: config.layers(input).enumerate().map(layer).collect(),
            pixels: input.pixels(),
            hidden: config.hidden_dim,
            classes: input.classes,
            len: layout.len(),
        }
    }
}

impl Net for MlpNet {
    type Workspace = Workspace;

    // Its weights are read and its gradients written once a shard: more images cost less of that.
    const SHARD: usize = 64;

    fn num_params(&self) -> usize {
        self.len
    }

    fn load(&mut self, params: &[f32]) {
        for (layer, at) in &mut self.layers {
            layer.load(&params[at.weight.clone()], &params[at.bias.clone()]);
        }
    }

    fn workspace(&self) -> Workspace {
        let zeros = |width| Buffer::zeros(Self::SHARD * width);
        Workspace {
            x: zeros(self.pixels),
            hidden: self.layers[1..].iter().map(|_| [zeros(self.hidden), zeros(self.hidden)]).collect(),
            logits: zeros(self.classes),
            clock: Clock::default(),
        }
    }

    fn clock(w: &mut Workspace) -> &mut Clock {
        &mut w.clock
    }

    fn forward<'w>(&self, images: &Images, indices: &[u32], w: &'w mut Workspace, keep: bool) -> &'w mut [f32] {
        let n = indices.len();
        for (x, &i) in w.x.chunks_exact_mut(self.pixels).zip(indices) {
            x.iter_mut().zip(images.image(i as usize)).for_each(|(x, &pixel)| *x = f32::from(pixel) * (1.0 / 255.0));
        }
        w.clock.forward(Part::Data);
        let mut x = Rows { data: &w.x, stride: self.pixels };
        for ((layer, _), [y, derivative]) in self.layers.iter().zip(&mut w.hidden) {
            layer.forward(n, x, y);
            let len = n * self.hidden;
            relu::forward(&mut y[..len], keep.then(|| &mut derivative[..len]));
            x = Rows { data: y, stride: self.hidden };
        }
        w.clock.forward(Part::Mlp);
        self.layers[self.layers.len() - 1].0.forward(n, x, &mut w.logits);
        &mut w.logits[..n * self.classes]
    }

    fn backward(&self, indices: &[u32], w: &mut Workspace, grad: &mut [f32]) {
        let n = indices.len();
        for (i, (layer, at)) in self.layers.iter().enumerate().rev() {
            let (below, above) = w.hidden.split_at_mut(i);
            let dy = above.first().map_or(&w.logits, |[_, dy]| dy);
            let Some([x, dx]) = below.last_mut() else {
                weight_backward(layer, at, n, dy, Rows { data: &w.x, stride: self.pixels }, grad);
                break;
            };
            weight_backward(layer, at, n, dy, Rows { data: x, stride: self.hidden }, grad);
            // The derivative becomes the gradient at the layer's output.
            layer.backward_input(n, dy, Out { data: dx, stride: self.hidden, write: Write::Times });
            w.clock.backward(if above.is_empty() { Part::Head } else { Part::Mlp });
        }
        w.clock.backward(Part::Mlp);
    }
}
